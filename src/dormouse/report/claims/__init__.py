"""The paper's claims, each judged by a written rule."""
