"""People's questions, to a run or an index, one or several in turns: what a follow-up means, and when to ask back."""

from __future__ import annotations

from fitwell.conversing.chatting import Chat as Chat
from fitwell.conversing.chatting import Possibility as Possibility
from fitwell.conversing.chatting import Source as Source
from fitwell.conversing.chatting import Turn as Turn
from fitwell.conversing.opening import answer as answer
from fitwell.conversing.opening import chat as chat
