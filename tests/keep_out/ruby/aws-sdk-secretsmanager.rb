# frozen_string_literal: true

# Stand-in for the gem aws-sdk-secretsmanager, which Debian does not have: one operation of its generated
# client, on the real aws-sdk-core and aws-sigv4. Endpoints by AWS_ENDPOINT_URL came to the core after the
# version that Debian has.

require "aws-sdk-core"
require "aws-sdk-core/plugins/protocols/json_rpc"

module Aws::SecretsManager
  module ClientApi
    include Seahorse::Model

    Text = Shapes::StringShape.new(name: "Text")
    Request = Shapes::StructureShape.new(name: "GetSecretValueRequest")
    Request.add_member(:secret_id, Shapes::ShapeRef.new(shape: Text, required: true, location_name: "SecretId"))
    Request.struct_class = Struct.new(:secret_id) { include Aws::Structure }
    Response = Shapes::StructureShape.new(name: "GetSecretValueResponse")
    Response.add_member(:secret_string, Shapes::ShapeRef.new(shape: Text, location_name: "SecretString"))
    Response.struct_class = Struct.new(:secret_string) { include Aws::Structure }

    API = Seahorse::Model::Api.new.tap do |api|
      api.version = "2017-10-17"
      api.metadata = {
        "apiVersion" => "2017-10-17", "endpointPrefix" => "secretsmanager", "jsonVersion" => "1.1",
        "protocol" => "json", "serviceFullName" => "AWS Secrets Manager", "serviceId" => "Secrets Manager",
        "signatureVersion" => "v4", "signingName" => "secretsmanager", "targetPrefix" => "secretsmanager"
      }
      api.add_operation(:get_secret_value, Seahorse::Model::Operation.new.tap do |o|
        o.name = "GetSecretValue"
        o.http_method = "POST"
        o.http_request_uri = "/"
        o.input = Shapes::ShapeRef.new(shape: Request)
        o.output = Shapes::ShapeRef.new(shape: Response)
      end)
    end
  end

  module Errors
    extend Aws::Errors::DynamicErrors
  end

  class Client < Seahorse::Client::Base
    @identifier = :secretsmanager
    set_api(ClientApi::API)

    add_plugin(Seahorse::Client::Plugins::ContentLength)
    %i[
      CredentialsConfiguration ParamConverter ParamValidator UserAgent HelpfulSocketErrors RetryErrors
      RegionalEndpoint StubResponses DefaultsMode SignatureV4
    ].each { |name| add_plugin(Aws::Plugins.const_get(name)) }
    add_plugin(Aws::Plugins::Protocols::JsonRpc)

    def self.errors_module
      Errors
    end

    def initialize(plugins, options)
      endpoint = ENV["AWS_ENDPOINT_URL"]
      super(plugins, endpoint ? options.merge(endpoint: endpoint) : options)
    end

    def get_secret_value(params = {}, options = {})
      build_request(:get_secret_value, params).send_request(options)
    end
  end
end
