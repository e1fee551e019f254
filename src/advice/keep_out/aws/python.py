"""{{ variable }} from AWS Secrets Manager, where it is the secret {{ id }}.

Region and credentials are boto3's own: AWS_REGION, AWS_PROFILE, the role of the machine.
"""

import os
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

NAME = "{{ variable }}"
SECRET = "{{ id }}"
REASONS = {
    "ResourceNotFoundException": "not found",
    "AccessDeniedException": "access denied",
}


class MissingKeyError(RuntimeError):
    """The key could not be had. The message says why, and never holds the key."""


def {{ snake }}() -> str:
    """The key, asked for anew at each call."""
    config = Config(connect_timeout=10, read_timeout=10, retries={"total_max_attempts": 2})
    region = os.environ.get("AWS_REGION")
    try:
        client = boto3.client("secretsmanager", region_name=region, config=config)
        key = client.get_secret_value(SecretId=SECRET).get("SecretString")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        reason = REASONS.get(code, code)
        raise MissingKeyError(f"{NAME}: AWS secret {SECRET}: {reason}") from error
    except BotoCoreError as error:
        raise MissingKeyError(f"{NAME}: AWS Secrets Manager: {error}") from error
    if not key:
        raise MissingKeyError(f"{NAME}: AWS secret {SECRET} holds no text")
    return key


if __name__ == "__main__":
    try:
        print(f"{NAME}: {len({{ snake }}())} characters", file=sys.stderr)
    except MissingKeyError as error:
        sys.exit(str(error))
