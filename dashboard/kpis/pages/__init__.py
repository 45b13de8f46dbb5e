"""Pages of insights as plain objects: the browser shows them, exports and mails write them."""
