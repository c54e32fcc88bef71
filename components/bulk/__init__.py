"""A table filled by Spark: an AWS Glue job that `pulumi up` waits for."""
