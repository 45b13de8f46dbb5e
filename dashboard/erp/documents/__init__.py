"""Documents that leave the house: requests and purchase orders as PDF."""
