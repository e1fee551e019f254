"""AWS Secrets Manager and IAM by moto, on loopback: as a server of its own and as a proxy for SDKs that
know no other endpoint than AWS' own. Both check signatures and policies.

Prints one line of JSON (ports, the proxy's certificate authority, credentials), and ends with its standard
input. What moto does otherwise than AWS is put right here: a policy's resource counts (moto asks for "*"),
and a refusal comes in the protocol of the service.
"""

import json
import logging
import sys
import threading
from http.server import ThreadingHTTPServer

import boto3
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import IAMRequest
from moto.moto_proxy.certificate_creator import CertificateCreator
from moto.moto_proxy.proxy3 import ProxyRequestHandler
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"


def resource(response):
    """The ARN of the secret that a request names, as its policies have it."""
    asked = json.loads(response.body or "{}")
    named = asked.get("SecretId") or asked.get("Name") or ""
    known = [secret for secret in response.backend.secrets.values() if named in (secret.name, secret.arn)]
    return known[0].arn if known else "*"


def refuse(code):
    def refusal(request):
        raise JsonRESTError(code, f"not authorized to perform {request._action}")

    return refusal


SecretsManagerResponse._determine_resource = resource
IAMRequest._raise_access_denied = refuse("AccessDeniedException")
IAMRequest._raise_signature_does_not_match = refuse("InvalidSignatureException")
IAMRequest._raise_invalid_access_key = lambda request, _: refuse("UnrecognizedClientException")(request)


def policy(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def credentials(client, role):
    """Passing credentials of a role that nobody has granted anything yet."""
    trust = policy(Principal={"AWS": "*"}, Action="sts:AssumeRole")
    arn = client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    given = client("sts").assume_role(RoleArn=arn, RoleSessionName=role)["Credentials"]
    return [given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]]


def main():
    logging.disable(logging.INFO)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    proxy = ThreadingHTTPServer((host, 0), ProxyRequestHandler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()

    def client(service):
        return boto3.client(
            service,
            endpoint_url=f"http://{host}:{port}",
            region_name=REGION,
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )

    roles = {role: credentials(client, role) for role in ("admin", "app", "other")}
    everything = policy(Action="*", Resource="*")
    client("iam").put_role_policy(RoleName="admin", PolicyName="all", PolicyDocument=everything)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin.request_count = 0
    ready = {
        "endpoint": f"http://{host}:{port}",
        "proxy": f"http://{host}:{proxy.server_port}",
        "ca": CertificateCreator.cacert,
        "region": REGION,
        "roles": roles,
    }
    print(json.dumps(ready), flush=True)
    sys.stdin.read()


main()
