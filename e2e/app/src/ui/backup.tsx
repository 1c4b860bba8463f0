import { createFlashBackup, restoreFlashBackup } from '../persistence/flash';

export function Backup() {
  return (
    <div className="row">
      <button className="grow" data-testid="backup" onClick={() => void download()}>
        Back up
      </button>
      <label className="button grow">
        Restore
        <input
          type="file"
          hidden
          data-testid="restore"
          onChange={(event) => void event.target.files?.[0]?.text().then(restoreFlashBackup)}
        />
      </label>
    </div>
  );
}

async function download() {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(
    new Blob([JSON.stringify(await createFlashBackup())], { type: 'application/json' }),
  );
  link.download = 'Big-AGI-flash.json';
  link.click();
  URL.revokeObjectURL(link.href);
}
