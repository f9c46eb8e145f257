"""Echo, for whoever has nothing else to do (a thread, a greenlet)."""

READ_BYTES = 65536


class Echo:
    def serve(self, client):
        """Serves until the client has said its last. Back pressure comes by itself: nothing is
        received while an answer is being sent."""
        with client:
            try:
                while message := client.recv(READ_BYTES):
                    client.sendall(message)
            except OSError:
                pass  # the client is gone

    def end(self):
        """Clients leave when they like, or when their time is over."""
