"""What make calls to build and prove the book; nothing here is part of gru_lib."""
