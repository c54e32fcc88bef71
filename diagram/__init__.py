"""A picture of what a program declares, as SVG.

Raises `declared.errors.ProgramError` for a program that does not evaluate.
"""
