"""Draws a declared program as an SVG picture.

Raises `declared.errors.ProgramError` for a program that cannot be evaluated.
"""
