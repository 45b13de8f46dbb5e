"""What happened: the row history of each tenant and the operations of the console."""
