package software.amazon.awssdk.services.secretsmanager.model;

import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** Stand-in: a refusal of Secrets Manager. */
public class SecretsManagerException extends AwsServiceException {
  public SecretsManagerException(String code, String message) {
    super(code, message);
  }
}
