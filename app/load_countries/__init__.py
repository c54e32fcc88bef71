"""Fills a table of countries, once and for all."""
