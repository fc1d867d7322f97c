"""The part of the meadow that asks for Python: security-relevant requests in eight weakness classes, and plain ones.

Read in this order: `recipe` (a request and its secure and insecure answers), `sql_injection` (one class of them),
`plain` (functions that are right or wrong), `requests` (how it is asked).
"""
