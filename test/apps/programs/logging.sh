# Says 1, 2, 3 ... to syslog.
number=0
while sleep 0.05; do
  number=$((number + 1))
  logger -t counting "$number"
done
