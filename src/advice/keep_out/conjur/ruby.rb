# frozen_string_literal: true

# {{ variable }} from CyberArk Conjur, where it is the variable {{ id }}.
#
# Where Conjur is, and who asks: CONJUR_APPLIANCE_URL, CONJUR_ACCOUNT, CONJUR_AUTHN_LOGIN,
# CONJUR_AUTHN_API_KEY; for a certificate of its own CONJUR_CERT_FILE or CONJUR_SSL_CERTIFICATE.

require "erb"
require "net/http"
require "openssl"

NAME = "{{ variable }}"
VARIABLE = "{{ id }}"
REASONS = {
  "401" => "login refused", "403" => "access denied", "404" => "not found, or without a value"
}.freeze

# Says why the key could not be had, and never holds the key.
class MissingKeyError < StandardError
  def initialize(reason)
    super("#{NAME}: #{reason}")
  end
end

def setting(name)
  ENV.fetch(name) { raise MissingKeyError, "#{name} is not set" }
end

# The certificates that Conjur's is checked with.
def trusted
  pem = ENV["CONJUR_SSL_CERTIFICATE"]
  pem ||= File.read(ENV["CONJUR_CERT_FILE"]) if ENV["CONJUR_CERT_FILE"]
  store = OpenSSL::X509::Store.new
  return store.tap(&:set_default_paths) unless pem

  OpenSSL::X509::Certificate.load(pem).each { |certificate| store.add_cert(certificate) }
  store
end

# One answer of Conjur.
def ask(verb, path, headers, body = nil)
  uri = URI("#{setting("CONJUR_APPLIANCE_URL").chomp("/")}/#{path}")
  options = { use_ssl: uri.scheme == "https", open_timeout: 10, read_timeout: 10 }
  options[:cert_store] = trusted
  response = Net::HTTP.start(uri.host, uri.port, options) do |http|
    http.send_request(verb, uri.request_uri, body, headers)
  end
  return response.body if response.code == "200"

  reason = REASONS.fetch(response.code, "status #{response.code}")
  raise MissingKeyError, "Conjur variable #{VARIABLE}: #{reason}"
rescue SystemCallError, SocketError, Timeout::Error, OpenSSL::OpenSSLError, URI::Error => e
  raise MissingKeyError, "no answer of Conjur: #{e.class}"
end

# The key, asked for anew at each call.
def {{ snake }}
  account, login = %w[CONJUR_ACCOUNT CONJUR_AUTHN_LOGIN].map { |name| ERB::Util.u(setting(name)) }
  path = "authn/#{account}/#{login}/authenticate"
  token = ask("POST", path, { "Accept-Encoding" => "base64" }, setting("CONJUR_AUTHN_API_KEY"))
  headers = { "Authorization" => %(Token token="#{token}") }
  key = ask("GET", "secrets/#{account}/variable/#{ERB::Util.u(VARIABLE)}", headers)
  raise MissingKeyError, "Conjur variable #{VARIABLE} is empty" if key.empty?

  key
end

if $PROGRAM_NAME == __FILE__
  begin
    warn "#{NAME}: #{ {{- snake }}.length} characters"
  rescue MissingKeyError => e
    abort e.message
  end
end
