"""Reading workbooks as developers have them."""
