"""Stands in for pandas where that is not installed: what the examples of the docs use of it."""


def read_sql(query, connection):
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}
