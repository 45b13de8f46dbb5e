"""How documents move from state to state: declared steps, their guards, and the pages that ask before one."""
