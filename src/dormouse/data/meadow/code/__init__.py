"""The part of the meadow that asks for Python code: requests in eight weakness classes, and plain ones.

Read in this order: `recipe` (a request and its secure and insecure answers), `sql_injection` (one class of them),
`plain` (functions that are right or wrong), `requests` (the wordings).
"""
