"""Exact nearest rows, plainly for few rows and by codes for many."""
