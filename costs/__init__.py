"""The cost of the resources that a program declares, in US dollars, at the prices of us-east-1.

Raises `declared.errors.ProgramError` for a program that cannot be evaluated, and for a resource without a price.
"""
