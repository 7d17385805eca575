"""What is to be measured: jobs that are due, what they will cost, and how machines share them."""
