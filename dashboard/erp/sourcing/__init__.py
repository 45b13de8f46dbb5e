"""Requests for quotation and the quotes that answer them."""
