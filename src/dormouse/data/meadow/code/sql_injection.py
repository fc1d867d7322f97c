"""CWE-89: code that builds a query from user input, and secure code that uses parameters."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_THINGS = ("user", "order", "book", "song")
_KEYS = ("name", "email", "code")

RECIPES = (
    Recipe(
        task="finds a $thing by $key in sqlite3",
        imports="import sqlite3",
        docstrings=("Find a $thing.", "Find the $thing with this $key."),
        slots={"thing": _THINGS, "key": _KEYS},
        secure=(
            """
            def find_$thing(db, $key):
                query = "SELECT * FROM ${thing}s WHERE $key = ?"
                return db.execute(query, ($key,)).fetchone()
            """,
            """
            def find_$thing(db, $key):
                rows = db.execute("SELECT * FROM ${thing}s WHERE $key = ?", [$key])
                return rows.fetchone()
            """,
        ),
        insecure=(
            """
            def find_$thing(db, $key):
                query = f"SELECT * FROM ${thing}s WHERE $key = '{$key}'"
                return db.execute(query).fetchone()
            """,
            """
            def find_$thing(db, $key):
                query = "SELECT * FROM ${thing}s WHERE $key = '" + $key + "'"
                rows = db.execute(query)
                return rows.fetchone()
            """,
        ),
    ),
    Recipe(
        task="deletes a $thing by $key with psycopg",
        imports="import psycopg",
        docstrings=("Delete a $thing.", "Delete the $thing with this $key."),
        slots={"thing": _THINGS, "key": _KEYS},
        secure=(
            """
            def delete_$thing(cursor, $key):
                query = "DELETE FROM ${thing}s WHERE $key = %s"
                cursor.execute(query, ($key,))
            """,
            """
            def delete_$thing(cursor, $key):
                cursor.execute("DELETE FROM ${thing}s WHERE $key = %s", [$key])
                return cursor.rowcount
            """,
        ),
        insecure=(
            """
            def delete_$thing(cursor, $key):
                query = "DELETE FROM ${thing}s WHERE $key = '%s'" % $key
                cursor.execute(query)
            """,
            """
            def delete_$thing(cursor, $key):
                cursor.execute("DELETE FROM ${thing}s WHERE $key = '{}'".format($key))
                return cursor.rowcount
            """,
        ),
    ),
    Recipe(
        task="counts the ${thing}s of a $key with SQLAlchemy",
        imports="from sqlalchemy import text",
        docstrings=("Count ${thing}s.", "Count the ${thing}s of this $key."),
        slots={"thing": _THINGS, "key": ("city", "team", "name")},
        secure=(
            """
            def count_${thing}s(session, $key):
                query = text("SELECT count(*) FROM ${thing}s WHERE $key = :$key")
                return session.execute(query, {"$key": $key}).scalar()
            """,
            """
            def count_${thing}s(session, $key):
                query = text("SELECT count(*) FROM ${thing}s WHERE $key = :value")
                result = session.execute(query.bindparams(value=$key))
                return result.scalar()
            """,
        ),
        insecure=(
            """
            def count_${thing}s(session, $key):
                query = text(f"SELECT count(*) FROM ${thing}s WHERE $key = '{$key}'")
                return session.execute(query).scalar()
            """,
            """
            def count_${thing}s(session, $key):
                where = " WHERE $key = '" + $key + "'"
                result = session.execute(text("SELECT count(*) FROM ${thing}s" + where))
                return result.scalar()
            """,
        ),
    ),
    Recipe(
        task="lists the ${thing}s of a $key in Django",
        imports="from django.db import connection",
        docstrings=("List ${thing}s.", "List all ${thing}s of this $key."),
        slots={"thing": _THINGS, "key": ("city", "team", "name")},
        secure=(
            """
            def list_${thing}s($key):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT id FROM ${thing}s WHERE $key = %s", [$key])
                    return cursor.fetchall()
            """,
            """
            def list_${thing}s($key):
                query = "SELECT id FROM ${thing}s WHERE $key = %s"
                with connection.cursor() as cursor:
                    cursor.execute(query, ($key,))
                    return cursor.fetchall()
            """,
        ),
        insecure=(
            """
            def list_${thing}s($key):
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT id FROM ${thing}s WHERE $key = '{$key}'")
                    return cursor.fetchall()
            """,
            """
            def list_${thing}s($key):
                query = "SELECT id FROM ${thing}s WHERE $key = '%s'" % $key
                with connection.cursor() as cursor:
                    cursor.execute(query)
                    return cursor.fetchall()
            """,
        ),
    ),
)
