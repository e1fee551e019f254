# frozen_string_literal: true

# {{ variable }} from AWS Secrets Manager, where it is the secret {{ id }}.
#
# Region and credentials are the SDK's own: AWS_REGION, AWS_PROFILE, the role of the machine.

require "aws-sdk-secretsmanager"

NAME = "{{ variable }}"
SECRET = "{{ id }}"

# Says why the key could not be had, and never holds the key.
class MissingKeyError < StandardError
  def initialize(reason)
    super("#{NAME}: AWS secret #{SECRET}: #{reason}")
  end
end

# The key, asked for anew at each call.
def {{ snake }}
  client = Aws::SecretsManager::Client.new(
    http_open_timeout: 10, http_read_timeout: 10, retry_limit: 1
  )
  key = client.get_secret_value(secret_id: SECRET).secret_string.to_s
  raise MissingKeyError, "it holds no text" if key.empty?

  key
rescue Aws::SecretsManager::Errors::ResourceNotFoundException
  raise MissingKeyError, "not found"
rescue Aws::SecretsManager::Errors::AccessDeniedException
  raise MissingKeyError, "access denied"
rescue Aws::Errors::ServiceError => e
  raise MissingKeyError, e.code
rescue Aws::Errors::MissingRegionError, Aws::Errors::MissingCredentialsError,
       Seahorse::Client::NetworkingError => e
  raise MissingKeyError, e.message.lines.first.strip
end

if $PROGRAM_NAME == __FILE__
  begin
    warn "#{NAME}: #{ {{- snake }}.length} characters"
  rescue MissingKeyError => e
    abort e.message
  end
end
