"""What staff see in the back office: coverage of houses, requests and orders, notices, money."""
