"""Fills a table of countries, once."""
