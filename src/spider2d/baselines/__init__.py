"""Other methods: published figures."""
