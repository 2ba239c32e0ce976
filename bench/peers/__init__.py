"""Other ways to monitor, written as their users write them."""
