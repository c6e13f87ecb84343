"""The dashboards of Grafana, as data: `python3 -m grafana.generate` writes them."""
