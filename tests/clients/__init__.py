"""Programs in several languages that do what AWS's samples for Amazon Keyspaces do: `make test-clients`.

languages  the programs: their drivers, how their packages are fetched, how they run
run        fetches and runs them, and reads which steps passed
table      the results as Markdown, in docs/keyspaces.md

The samples are https://github.com/aws-samples/amazon-keyspaces-examples; nothing of them is copied.
"""
