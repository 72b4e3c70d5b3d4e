"""Genuine records, forged ones, and what the verifier says of them."""
