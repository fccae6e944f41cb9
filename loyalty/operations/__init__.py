"""What an operator needs to see: health, metrics, logs, and checks that refuse an unsafe installation."""
