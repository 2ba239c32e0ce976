"""An app of a host whose user models are not Django's own."""
