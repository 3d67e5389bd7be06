"""Rock Paper Scissors: a small game against the server; the score lives in SQLite."""

import random
import sqlite3
from pathlib import Path

from flask import Flask, redirect, render_template_string, request

DATABASE = Path(__file__).with_name("rps.db")
BEATS = {"rock": "scissors", "paper": "rock", "scissors": "paper"}
PAGE = """<!doctype html>
<html lang="en">
<title>Rock Paper Scissors</title>
<h1>Rock Paper Scissors</h1>
<form method="post" action="/play">
  {% for hand in hands %}<button name="hand" value="{{ hand }}">{{ hand }}</button> {% endfor %}
</form>
<p>Played: {{ played }}, won: {{ won }}</p>
</html>
"""

app = Flask(__name__)


def connect() -> sqlite3.Connection:
    """WAL: committed games may be in rps.db-wal only, until SQLite copies them into rps.db."""
    database = sqlite3.connect(DATABASE, timeout=5)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE IF NOT EXISTS games (mine TEXT NOT NULL, yours TEXT NOT NULL, won INTEGER NOT NULL)")
    return database


@app.get("/")
def index():
    database = connect()
    played, won = database.execute("SELECT count(*), coalesce(sum(won), 0) FROM games").fetchone()
    database.close()
    return render_template_string(PAGE, hands=BEATS, played=played, won=won)


@app.post("/play")
def play():
    yours = request.form.get("hand", "")
    if yours not in BEATS:
        return "rock, paper or scissors?\n", 400
    mine = random.choice(list(BEATS))
    database = connect()
    with database:
        database.execute("INSERT INTO games VALUES (?, ?, ?)", (mine, yours, BEATS[yours] == mine))
    database.close()
    return redirect("/")
