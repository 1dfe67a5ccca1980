"""The addresses at which a cluster's Kubernetes API is reached."""

API_PORT = 6443


def tunnel_server(port: int = API_PORT) -> str:
    """Returns the URL for a client with an open tunnel."""
    return f"https://127.0.0.1:{port}"


def public_server(address: str) -> str:
    """Returns the URL of the public frontend."""
    return f"https://{address}:{API_PORT}"
