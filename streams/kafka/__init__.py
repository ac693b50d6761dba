"""What only the Faust engine needs: tables behind changelogs, agents, the fence, the sweep, dead letters."""
