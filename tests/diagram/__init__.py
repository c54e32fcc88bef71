"""Tests of the stack's diagram."""
