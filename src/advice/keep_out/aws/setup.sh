#!/bin/sh
# Puts {{ variable }} into AWS Secrets Manager, and lets one IAM role read it:
#     READER_ROLE=app sh {{ file }}
# Needs the AWS CLI, with credentials that may do both. If a KMS key of your own encrypts the
# secret, the role needs kms:Decrypt on it as well.
set -eu
: "${READER_ROLE:?is not set: the IAM role that may read the key}"
secret={{ id }}
{{ read_key }}
export AWS_PAGER=''
if aws secretsmanager describe-secret --secret-id "$secret" >/dev/null 2>&1; then
    put() { aws secretsmanager put-secret-value --secret-id "$secret" "$@"; }
else
    put() { aws secretsmanager create-secret --name "$secret" "$@"; }
fi
arn=$(printf %s "$key" | put --secret-string file:///dev/stdin --query ARN --output text)
aws iam put-role-policy --role-name "$READER_ROLE" --policy-name read-{{ slug }} \
    --policy-document file:///dev/stdin <<POLICY
{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "$arn" }
  ]
}
POLICY
