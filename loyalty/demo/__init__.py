"""Data to look at: two invented shops, and a real loyalty-card data set replayed through the API."""
