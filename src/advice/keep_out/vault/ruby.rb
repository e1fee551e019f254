# frozen_string_literal: true

# {{ variable }} from HashiCorp Vault or OpenBao (KV version 2).
#
# It is the field {{ field }} of {{ path }} in the mount "secret". Where
# Vault is, and the token: VAULT_ADDR, VAULT_NAMESPACE, VAULT_TOKEN, VAULT_TOKEN_FILE.
# A certificate authority of your own: VAULT_CACERT.

require "json"
require "net/http"
require "openssl"

NAME = "{{ variable }}"
SECRET = "secret/data/{{ path }}"
FIELD = "{{ field }}"

# Says why the key could not be had, and never holds the key.
class MissingKeyError < StandardError
  def initialize(reason)
    super("#{NAME}: #{reason}")
  end
end

# Vault's token: of the environment, of an agent's file, or of the last "vault login".
def token
  ENV.fetch("VAULT_TOKEN") do
    File.read(ENV.fetch("VAULT_TOKEN_FILE") { File.expand_path("~/.vault-token") }).strip
  end
rescue SystemCallError
  raise MissingKeyError, "VAULT_TOKEN is not set, and there is no file with a token"
end

# The key, asked for anew at each call.
def {{ snake }}
  address = ENV.fetch("VAULT_ADDR") { raise MissingKeyError, "VAULT_ADDR is not set" }
  uri = URI("#{address.chomp("/")}/v1/#{SECRET}")
  request = Net::HTTP::Get.new(uri, "X-Vault-Token" => token, "X-Vault-Request" => "true")
  request["X-Vault-Namespace"] = ENV["VAULT_NAMESPACE"] if ENV["VAULT_NAMESPACE"]
  options = { use_ssl: uri.scheme == "https", open_timeout: 10, read_timeout: 10 }
  options[:ca_file] = ENV["VAULT_CACERT"] if ENV["VAULT_CACERT"]
  response = Net::HTTP.start(uri.host, uri.port, options) { |http| http.request(request) }
  case response.code
  when "200" then key = JSON.parse(response.body).dig("data", "data", FIELD)
  when "403" then raise MissingKeyError, "#{SECRET} in Vault: access denied"
  when "404" then raise MissingKeyError, "#{SECRET} in Vault: not found"
  else raise MissingKeyError, "#{SECRET} in Vault: status #{response.code}"
  end
  return key if key.is_a?(String) && !key.empty?

  raise MissingKeyError, "#{SECRET} in Vault has no text in the field #{FIELD}"
rescue SystemCallError, SocketError, Timeout::Error, OpenSSL::SSL::SSLError, URI::Error,
       JSON::ParserError => e
  raise MissingKeyError, "no answer of Vault at #{address}: #{e.class}"
end

if $PROGRAM_NAME == __FILE__
  begin
    warn "#{NAME}: #{ {{- snake }}.length} characters"
  rescue MissingKeyError => e
    abort e.message
  end
end
