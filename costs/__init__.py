"""The cost of what a program declares, in US dollars of us-east-1.

Raises `declared.errors.ProgramError` for a program that does not evaluate, and for a resource without a price.
"""
