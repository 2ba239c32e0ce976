"""Views to try the monitoring with; mounted only with DEMO_VIEWS=1."""
