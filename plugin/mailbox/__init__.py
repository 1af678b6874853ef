"""The local mailbox: a real SMTP server that keeps what it gets, for development and the demo."""
