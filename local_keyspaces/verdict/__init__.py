"""The verdict on a program that ran against the local Keyspaces: is it ready for the service?

run     starts the endpoint, runs the program's own tests, and writes the report
places  finds the statements in the source text
report  the verdict: refused statements with rules and rewrites, the settings, the consumption, ready or not
page    the report as HTML
"""

NOT_READY = 10
"""The exit code if the command ended with 0 and the program is not ready."""

GIVEN = (
    *("KEYSPACES_HOST", "KEYSPACES_PORT", "KEYSPACES_ENDPOINT", "KEYSPACES_CA_FILE", "SSL_CERTFILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_SDK_LOAD_CONFIG", "AWS_CREDENTIAL_PROFILES_FILE"),
    *("KEYSPACES_USER_NAME", "KEYSPACES_PASSWORD"),
)
"""The environment variables that the command gets."""
