"""What goes on in the ERP server now: sessions, who blocks whom, what keeps vacuum back, and progress."""
