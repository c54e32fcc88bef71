"""The Pulumi program evaluated without an engine: every declared resource with its resolved inputs.

errors.ProgramError is raised if the program or its settings cannot be evaluated.
"""
