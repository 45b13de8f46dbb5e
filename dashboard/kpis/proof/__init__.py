"""The proof of a number: the records behind it, those left out and why, the number made again from them."""
