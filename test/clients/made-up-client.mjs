// A made-up client for the unit tests of the runner: what it does wrong is its argument. It connects nowhere.
const [wrong] = process.argv.slice(2);
const features =
  'connect tls channel-binding parameters prepared binary cursors copy errors transactions cancel listen masked disconnect';
const say = (feature, result, why) => process.stdout.write(`${JSON.stringify({ feature, result, why })}\n`);
const plain = process.env.PGSSLMODE === 'disable';
const direct = process.env.PGVEIL_ROLE === 'direct';

for (const feature of features.split(' ')) {
  if (plain && (feature === 'tls' || feature === 'channel-binding')) say(feature, 'n/a', 'no TLS here');
  else if (wrong === 'absent everywhere' && feature === 'binary') say(feature, 'n/a', 'the driver has none');
  else if (wrong === 'evades' && feature === 'copy' && !direct) say(feature, 'n/a', 'not today');
  else if (wrong === 'fails' && feature === 'copy') say(feature, 'fail', 'the reason');
  else if (wrong === 'skips' && feature === 'copy') continue;
  else if (wrong === 'no reason' && feature === 'copy') say(feature, 'fail');
  else if (wrong === 'crashes' && feature === 'copy') throw new Error('a crash');
  else if (wrong === 'hangs' && feature === 'copy')
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  else say(feature, 'ok');
  if (wrong === 'repeats' && feature === 'copy') say(feature, 'ok');
}
if (wrong === 'babbles') process.stdout.write('rows: 3\n');
if (wrong === 'ends with 3') process.exitCode = 3;
